// SPDX-License-Identifier: Apache-2.0
// A device that signs in late finds all that the others have: counts, receipts, tags, long threads, polls.
import { Device, sdk } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

const { Backward } = sdk.Direction;
const range = (count) => Array.from({ length: count }, (_, i) => i);

function reply(root) {
	return { "m.relates_to": { rel_type: "m.thread", event_id: root } };
}

async function openRoom(owner, ...guests) {
	const { room_id } = await owner.client.createRoom({ preset: "public_chat" });
	for (const guest of guests) {
		await guest.client.joinRoom(room_id);
		await guest.joined(room_id);
	}
	return room_id;
}

step("a late device has the counts, receipts and tags", async ({ alice, bob }) => {
	const room = await openRoom(alice, bob);
	const read = await alice.say(room, "Read by bob");
	await bob.client.sendReadReceipt(await bob.sees(room, read), sdk.ReceiptType.Read, true);
	await bob.client.setRoomReadMarkers(room, read);
	await bob.client.setRoomTag(room, "u.work", { order: 0.1 });
	await alice.say(room, "Unread");
	await alice.say(room, "For you", { "m.mentions": { user_ids: [bob.userId] } });
	const root = await alice.say(room, "A thread");
	await alice.say(room, "In the thread", reply(root));
	await alice.client.sendTyping(room, true, 20000);
	const late = await Device.login(bob.userId);
	await late.start();
	const shown = late.client.getRoom(room);
	await until("the counts are there", () => shown.getRoomUnreadNotificationCount() === 3
		&& shown.getRoomUnreadNotificationCount("highlight") === 1);
	equal(shown.getThreadUnreadNotificationCount(root), 1);
	equal(shown.getEventReadUpTo(bob.userId, true), read);
	equal(shown.getAccountData("m.fully_read").getContent(), { event_id: read });
	equal(shown.tags["u.work"], { order: 0.1 });
	ok(shown.getMember(alice.userId).typing, "alice types");
	await alice.client.sendTyping(room, false);
	await late.client.logout(true);
});

step("a late device reads a long thread page by page", async ({ alice, bob }) => {
	const room = await openRoom(alice, bob);
	const root = await alice.say(room, "A long thread");
	const replies = [];
	for (const i of range(45))
		replies.push(await alice.say(room, `reply ${i}`, reply(root)));
	await alice.say(room, "* reply 3, mended", { "m.new_content": { msgtype: "m.text", body: "reply 3, mended" },
		"m.relates_to": { rel_type: "m.replace", event_id: replies[3] } });
	await bob.client.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: replies[5], key: "+" } });
	for (const i of range(5))
		await alice.say(room, `main ${i}`);
	const late = await Device.login(bob.userId);
	await late.start({ initialSyncLimit: 3 });
	const shown = late.client.getRoom(room);
	await shown.createThreadsTimelineSets();
	await shown.fetchRoomThreads();
	const thread = shown.getThread(root);
	equal(thread.length, 45);
	await until("the thread is there", () => thread.initialEventsFetched);
	for (let pages = 0; thread.liveTimeline.getPaginationToken(Backward) && pages < 20; pages++)
		await late.client.paginateEventTimeline(thread.liveTimeline, { backwards: true, limit: 10 });
	const [first, ...rest] = thread.liveTimeline.getEvents();
	const bodies = rest.filter((event) => event.isRelation("m.thread")).map((event) => event.getContent().body);
	equal(bodies, range(45).map((i) => i === 3 ? "reply 3, mended" : `reply ${i}`));
	equal(first.getId(), root);
	await until("the reaction is there", () =>
		shown.relations.getChildEventsForEvent(replies[5], "m.annotation", "m.reaction")?.getRelations().length === 1
		|| thread.timelineSet.relations.getChildEventsForEvent(replies[5], "m.annotation", "m.reaction")
			?.getRelations().length === 1);
	const around = await late.client.getEventTimeline(thread.timelineSet, replies[20]);
	ok(around.getEvents().some((event) => event.getId() === replies[20]), "a permalink into the thread");
	await late.client.logout(true);
});

step("more threads than a page holds are listed in the order of their last replies", async ({ alice, bob }) => {
	const room = await openRoom(alice, bob);
	const roots = [];
	for (const i of range(35)) {
		roots.push(await alice.say(room, `root ${i}`));
		await (i % 7 ? alice : bob).say(room, "reply", reply(roots[i]));
	}
	await alice.say(room, "again", reply(roots[10]));
	const late = await Device.login(bob.userId);
	await late.start({ initialSyncLimit: 1 });
	const shown = late.client.getRoom(room);
	const [all, mine] = await shown.createThreadsTimelineSets();
	await shown.fetchRoomThreads();
	for (let pages = 0; all.getLiveTimeline().getPaginationToken(Backward) && pages < 5; pages++)
		await late.client.paginateEventTimeline(all.getLiveTimeline(), { backwards: true, limit: 10 });
	const listed = all.getLiveTimeline().getEvents().map((event) => event.getId());
	equal(new Set(listed).size, 35);
	equal([...listed].sort(), [...roots].sort());
	equal(mine.getLiveTimeline().getEvents().length, 5);
	const { chunk } = await late.client.createThreadListMessagesRequest(room, null, 3, Backward, null);
	equal(chunk.map((event) => event.event_id), [roots[33], roots[34], roots[10]], "the SDK turns the page round");
	await late.client.logout(true);
});

step("a poll is answered and counted", async ({ alice, bob }) => {
	const room = await openRoom(alice, bob);
	const { event_id: poll } = await alice.client.sendEvent(room, "m.poll.start", {
		"m.text": [{ body: "Tea or coffee?" }], "org.matrix.msc1767.text": "Tea or coffee?",
		"m.poll": { question: { "m.text": [{ body: "Tea or coffee?" }] }, kind: "m.disclosed", max_selections: 1,
			answers: [{ "m.id": "tea", "m.text": [{ body: "Tea" }] }, { "m.id": "coffee", "m.text": [{ body: "Coffee" }] }] } });
	await bob.client.sendEvent(room, "m.poll.response", { "m.relates_to": { rel_type: "m.reference", event_id: poll },
		"m.selections": ["tea"] });
	await alice.client.sendEvent(room, "m.poll.response", { "m.relates_to": { rel_type: "m.reference", event_id: poll },
		"m.selections": ["coffee"] });
	const { events } = await bob.client.relations(room, poll, "m.reference", "m.poll.response");
	equal(events.map((event) => event.getContent()["m.selections"][0]).sort(), ["coffee", "tea"]);
	const bundled = (await bob.client.fetchRoomEvent(room, poll)).unsigned["m.relations"]["m.reference"];
	equal(bundled.chunk.length, 2);
});
