// SPDX-License-Identifier: Apache-2.0
// Rooms: aliases, the directory, invitations, leaving, power, history and lazily loaded members.
import { Device, client, PASSWORD, sdk } from "./device.mjs";
import { equal, ok, refused, step, until } from "./steps.mjs";

function bodies(events) {
	return events.filter((event) => event.getType() === "m.room.message").map((event) => event.getContent().body);
}

step("an alias leads to the room until it is deleted", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "public_chat", room_alias_name: "kitchen", name: "Kitchen",
		topic: "What cooks" });
	equal((await bob.client.getRoomIdForAlias("#kitchen:example.com")).room_id, room_id);
	await bob.client.joinRoom("#kitchen:example.com");
	const shown = await bob.joined(room_id);
	equal([shown.getCanonicalAlias(), shown.name], ["#kitchen:example.com", "Kitchen"]);
	await alice.client.createAlias("#galley:example.com", room_id);
	equal((await alice.client.getLocalAliases(room_id)).aliases.sort(), ["#galley:example.com", "#kitchen:example.com"]);
	await refused(bob.client.createAlias("#galley:example.com", room_id), "M_UNKNOWN", 409);
	await alice.client.deleteAlias("#galley:example.com");
	await refused(bob.client.getRoomIdForAlias("#galley:example.com"), "M_NOT_FOUND", 404);
});

step("a published room is found in the directory", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "public_chat", visibility: "public", name: "Harbour",
		topic: "Ships" });
	equal((await bob.client.getRoomDirectoryVisibility(room_id)).visibility, "public");
	const { chunk } = await bob.client.publicRooms({ filter: { generic_search_term: "harb" }, limit: 5 });
	equal(chunk.map((entry) => [entry.room_id, entry.topic, entry.num_joined_members]), [[room_id, "Ships", 1]]);
	await alice.client.setRoomDirectoryVisibility(room_id, "private");
	equal((await bob.client.publicRooms({ filter: { generic_search_term: "harb" } })).chunk, []);
});

step("an invitation is declined, then accepted", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "private_chat", name: "Attic" });
	await alice.client.invite(room_id, bob.userId, "come up");
	const invited = await until("bob is invited", () => bob.client.getRoom(room_id));
	equal([invited.name, invited.getDMInviter() ?? invited.getMember(bob.userId).events.member.getSender()],
		["Attic", alice.userId]);
	equal(invited.getMember(bob.userId).events.member.getContent().reason, "come up");
	await bob.client.leave(room_id);
	await until("bob declined", () => alice.client.getRoom(room_id)?.getMember(bob.userId)?.membership === "leave");
	await refused(bob.client.joinRoom(room_id), "M_FORBIDDEN", 403);
	await alice.client.invite(room_id, bob.userId);
	await until("bob is invited again", () => bob.client.getRoom(room_id)?.getMyMembership() === "invite");
	await bob.client.joinRoom(room_id);
	await bob.joined(room_id);
});

step("kick, ban and unban", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "public_chat" });
	await bob.client.joinRoom(room_id);
	const shown = await bob.joined(room_id);
	await alice.client.kick(room_id, bob.userId, "too loud");
	await until("bob is out", () => shown.getMyMembership() === "leave");
	equal(shown.getMember(bob.userId).events.member.getContent().reason, "too loud");
	await bob.client.joinRoom(room_id);
	await alice.client.ban(room_id, bob.userId);
	await until("bob is banned", () => shown.getMyMembership() === "ban");
	await refused(bob.client.joinRoom(room_id), "M_FORBIDDEN", 403);
	await alice.client.unban(room_id, bob.userId);
	await bob.client.joinRoom(room_id);
	await until("bob is back", () => shown.getMyMembership() === "join");
});

step("knocking asks to be let in", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "private_chat", initial_state: [
		{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }] });
	const shown = await alice.joined(room_id);
	await bob.client.knockRoom(room_id, { reason: "let me in" });
	await until("alice hears the knock", () => shown.getMember(bob.userId)?.membership === "knock");
	await until("bob knows that he knocked", () => bob.client.getRoom(room_id)?.getMyMembership() === "knock");
	await alice.client.invite(room_id, bob.userId);
	await until("bob is invited", () => bob.client.getRoom(room_id).getMyMembership() === "invite");
	await bob.client.joinRoom(room_id);
	await bob.joined(room_id);
});

step("a room that is left is archived, and forgotten on demand", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "public_chat", name: "Cellar" });
	await bob.client.joinRoom(room_id);
	await bob.joined(room_id);
	const last = await alice.say(room_id, "The last word");
	await bob.sees(room_id, last);
	await bob.client.leave(room_id);
	await until("bob left", () => bob.client.getRoom(room_id).getMyMembership() === "leave");
	await alice.say(room_id, "Behind his back");
	const later = await Device.login(bob.userId);
	await later.start({ lazyLoadMembers: false });
	equal(later.client.getRoom(room_id), null);
	const archived = (await later.client.syncLeftRooms()).find((left) => left.roomId === room_id);
	await later.client.scrollback(archived, 10);
	equal(bodies(archived.getLiveTimeline().getEvents()), ["The last word"]);
	await later.client.forget(room_id);
	await refused(later.client.http.authedRequest("GET", `/rooms/${encodeURIComponent(room_id)}/messages`, { dir: "b" }),
		"M_FORBIDDEN", 403);
	await later.client.logout(true);
});

step("power decides who may do what", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "public_chat" });
	await bob.client.joinRoom(room_id);
	const shown = await bob.joined(room_id);
	await refused(bob.client.setRoomName(room_id, "Bob's"), "M_FORBIDDEN", 403);
	await alice.client.setPowerLevel(room_id, bob.userId, 50);
	await until("bob has the power", () => shown.getMember(bob.userId).powerLevel === 50);
	await bob.client.setRoomName(room_id, "Bob's");
	await bob.client.setRoomTopic(room_id, "Power");
	await until("the name changes", () => alice.client.getRoom(room_id).name === "Bob's");
});

step("history is read back page by page to the beginning", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "public_chat" });
	await bob.client.joinRoom(room_id);
	const texts = Array.from({ length: 45 }, (_, i) => `line ${i}`);
	for (const text of texts)
		await alice.say(room_id, text);
	const reader = await Device.login(bob.userId);
	await reader.start({ initialSyncLimit: 5 });
	const shown = reader.client.getRoom(room_id);
	equal(bodies(shown.getLiveTimeline().getEvents()), texts.slice(40));
	let pages = 0;
	for (; shown.oldState.paginationToken !== null && pages < 20; pages++)
		await reader.client.scrollback(shown, 10);
	ok(pages >= 5 && pages < 20, `${pages} pages`);
	equal(bodies(shown.getLiveTimeline().getEvents()), texts);
	equal(shown.getLiveTimeline().getEvents()[0].getType(), "m.room.create");

	const middle = shown.getLiveTimeline().getEvents().find((event) => event.getContent().body === "line 20");
	const set = new sdk.EventTimelineSet(shown, { timelineSupport: true }, reader.client);
	const timeline = await reader.client.getEventTimeline(set, middle.getId());
	await reader.client.paginateEventTimeline(timeline, { backwards: true, limit: 7 });
	await reader.client.paginateEventTimeline(timeline, { backwards: false, limit: 7 });
	const around = bodies(timeline.getEvents());
	equal(around, texts.slice(texts.indexOf(around[0]), texts.indexOf(around[0]) + around.length));
	ok(around.length > 14 && around.includes("line 20"), "a window around the event");
	await reader.client.logout(true);
});

step("a room without a name is called after its members", async ({ alice, bob }) => {
	const { room_id } = await alice.client.createRoom({ preset: "trusted_private_chat", is_direct: true, invite: [bob.userId] });
	await until("bob is invited", () => bob.client.getRoom(room_id));
	await bob.client.joinRoom(room_id);
	await bob.joined(room_id);
	const reader = await Device.login(bob.userId);
	await reader.start({ initialSyncLimit: 1 });
	equal(reader.client.getRoom(room_id).name, "alice");
	equal(reader.client.getRoom(room_id).guessDMUserId(), alice.userId);
	await alice.client.leave(room_id);
	await until("the room is empty", () => reader.client.getRoom(room_id).name === "Empty room (was alice)");
	await reader.client.logout(true);
});

step("members load when they are needed", async ({ alice, bob, room }) => {
	const crowd = [];
	for (const name of ["dora", "emil", "fred", "gina"]) {
		const guest = client();
		const { session } = (await refused(guest.registerRequest({ username: name, password: PASSWORD }), null, 401)).data;
		crowd.push(await guest.registerRequest({ username: name, password: PASSWORD, auth: { type: "m.login.dummy", session } }));
	}
	const { room_id } = await alice.client.createRoom({ preset: "public_chat", name: "Hall" });
	for (const { access_token, user_id } of crowd)
		await client({ accessToken: access_token, userId: user_id }).joinRoom(room_id);
	await bob.client.joinRoom(room_id);
	await alice.say(room_id, "Welcome");
	const reader = await Device.login(bob.userId);
	await reader.start({ initialSyncLimit: 1 });
	const shown = reader.client.getRoom(room_id);
	ok(!shown.membersLoaded());
	equal(shown.getJoinedMemberCount(), 6);
	equal(shown.getMembers().map((member) => member.userId).sort(), [alice.userId, bob.userId]);
	await shown.loadMembersIfNeeded();
	equal(shown.getJoinedMembers().length, 6);
	equal(Object.keys((await reader.client.getJoinedRoomMembers(room_id)).joined).length, 6);
	ok((await reader.client.getJoinedRooms()).joined_rooms.includes(room));
	await reader.client.logout(true);
});
