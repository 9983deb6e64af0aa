// SPDX-License-Identifier: Apache-2.0
// Edits, reactions, replies, threads and redactions in the encrypted room.
import { sdk } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

function related(device, roomId, eventId, relType, type) {
	return device.client.getRoom(roomId).relations.getChildEventsForEvent(eventId, relType, type)?.getRelations() ?? [];
}

function inThread(rootId, lastId) {
	return { "m.relates_to": { rel_type: "m.thread", event_id: rootId, is_falling_back: true,
		"m.in_reply_to": { event_id: lastId } } };
}

step("an edit replaces the text on both sides", async ({ alice, bob, room }) => {
	const first = await alice.say(room, "Helo");
	const seen = await bob.sees(room, first);
	const edit = await alice.say(room, "* Hello", { "m.new_content": { msgtype: "m.text", body: "Hello" },
		"m.relates_to": { rel_type: "m.replace", event_id: first } });
	await until("bob sees the edit", () => seen.replacingEventId() === edit && seen.getContent().body === "Hello");
	const bundled = await bob.client.fetchRoomEvent(room, first);
	equal(bundled.unsigned["m.relations"]["m.replace"].event_id, edit);
});

step("a reaction is counted, and gone once redacted", async ({ alice, bob, room }) => {
	const liked = await alice.say(room, "A fine day");
	await bob.sees(room, liked);
	const { event_id } = await bob.client.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation",
		event_id: liked, key: "👍" } });
	await until("alice sees the reaction", () => related(alice, room, liked, "m.annotation", "m.reaction").length === 1);
	const relations = alice.client.getRoom(room).relations.getChildEventsForEvent(liked, "m.annotation", "m.reaction");
	equal(relations.getSortedAnnotationsByKey().map(([key, events]) => [key, events.size]), [["👍", 1]]);
	await bob.client.redactEvent(room, event_id);
	await until("the reaction is gone", () => related(alice, room, liked, "m.annotation", "m.reaction").length === 0);
});

step("a redacted message loses its content", async ({ alice, bob, room }) => {
	const slip = await alice.say(room, "Not for you");
	const seen = await bob.sees(room, slip);
	await alice.client.redactEvent(room, slip, undefined, { reason: "a slip" });
	await until("bob sees the redaction", () => seen.isRedacted());
	equal(seen.getContent(), {});
	const stored = await bob.client.fetchRoomEvent(room, slip);
	equal(stored.content, {});
	equal(stored.unsigned.redacted_because.content.reason, "a slip");
});

step("thread replies gather below their root", async (world) => {
	const { alice, bob, room } = world;
	const root = await alice.say(room, "What shall we cook?");
	await bob.sees(room, root);
	const first = await bob.say(room, "Soup", inThread(root, root));
	const second = await alice.say(room, "Bread", inThread(root, first));
	world.thread = { root, first, second };
	for (const person of [alice, bob]) {
		const thread = await until(`${person.userId} has the thread`, () => person.client.getRoom(room).getThread(root));
		await until("both replies are there", () => thread.length === 2 && thread.replyToEvent?.getId() === second);
		await until("both are readable", () =>
			[first, second].every((id) => thread.findEventById(id)?.getContent().body));
		await until("both took part", () => thread.hasCurrentUserParticipated);
	}
	const bundled = await alice.client.fetchRoomEvent(room, root);
	equal(bundled.unsigned["m.relations"]["m.thread"].count, 2);
	equal(bundled.unsigned["m.relations"]["m.thread"].latest_event.event_id, second);
}, { base: true });

step("the SDK lists threads", async ({ alice, bob, room, thread }) => {
	const lonely = await bob.say(room, "Anybody here?");
	await bob.sees(room, lonely);
	const reply = await bob.say(room, "Only me", inThread(lonely, lonely));
	await alice.sees(room, lonely);
	await until("alice has the thread", () => alice.client.getRoom(room).getThread(lonely)?.length === 1);
	const shown = alice.client.getRoom(room);
	const [all, mine] = await shown.createThreadsTimelineSets();
	await shown.fetchRoomThreads();
	const listed = (set) => set.getLiveTimeline().getEvents().map((event) => event.getId());
	equal([...listed(all)].sort(), [thread.root, lonely].sort());
	equal(listed(mine), [thread.root]);
	ok(reply);
});

step("relations can be read page by page", async ({ alice, room, thread }) => {
	const page = await alice.client.relations(room, thread.root, "m.thread", null, { limit: 1, dir: sdk.Direction.Backward });
	equal(page.events.map((event) => event.getId()), [thread.second]);
	equal(page.originalEvent.getId(), thread.root);
	const rest = await alice.client.relations(room, thread.root, "m.thread", null, { limit: 5, from: page.nextBatch });
	equal(rest.events.map((event) => event.getId()), [thread.first]);
	equal(rest.nextBatch ?? null, null);
});

step("a thread forgets a reply that is redacted", async ({ alice, bob, room }) => {
	const root = await bob.say(room, "Who comes along?");
	const first = await alice.say(room, "I do", inThread(root, root));
	const second = await alice.say(room, "Or not", inThread(root, first));
	const thread = await until("bob has the thread", () => bob.client.getRoom(room).getThread(root));
	await until("it has two replies", () => thread.length === 2);
	await alice.client.redactEvent(room, second);
	await until("it has one", () => thread.length === 1 && thread.replyToEvent?.getId() === first);
	const bundled = (await bob.client.fetchRoomEvent(room, root)).unsigned["m.relations"]["m.thread"];
	equal([bundled.count, bundled.latest_event.event_id], [1, first]);
});

step("an edited reply is shown edited", async ({ alice, bob, room }) => {
	const root = await bob.say(room, "Which colour?");
	const reply = await alice.say(room, "Blue", inThread(root, root));
	const thread = await until("bob has the thread", () => bob.client.getRoom(room).getThread(root));
	await alice.say(room, "* Green", { "m.new_content": { msgtype: "m.text", body: "Green" },
		"m.relates_to": { rel_type: "m.replace", event_id: reply } });
	await until("the reply is edited", () => thread.findEventById(reply)?.getContent().body === "Green");
});
