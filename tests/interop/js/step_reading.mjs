// SPDX-License-Identifier: Apache-2.0
// Receipts, read markers, unread counts and typing.
import { sdk } from "./device.mjs";
import { equal, ok, pause, step, until } from "./steps.mjs";

const { ReceiptType } = sdk;

step("typing is shown and ends", async ({ alice, bob, room }) => {
	const member = alice.client.getRoom(room).getMember(bob.userId);
	await bob.client.sendTyping(room, true, 20000);
	await until("alice sees bob type", () => member.typing);
	await bob.client.sendTyping(room, false);
	await until("bob stops", () => !member.typing);
	await bob.client.sendTyping(room, true, 300);
	await until("alice sees bob type again", () => member.typing);
	await until("typing ends by itself", () => !member.typing, 4000);
});

step("a public receipt is seen by the other side and clears the count", async ({ alice, bob, room }) => {
	const event = await alice.say(room, "Read me");
	const seen = await bob.sees(room, event);
	const shown = bob.client.getRoom(room);
	await until("bob has unread messages", () => shown.getRoomUnreadNotificationCount() > 0);
	await bob.client.sendReadReceipt(seen);
	const room1 = alice.client.getRoom(room);
	await until("alice sees bob's receipt", () => room1.getEventReadUpTo(bob.userId, true) === event);
	ok(room1.getUsersReadUpTo(room1.findEventById(event)).includes(bob.userId));
	await until("bob has read all", () => shown.getRoomUnreadNotificationCount() === 0);
});

step("a private receipt clears the count and stays private", async ({ alice, bob, room }) => {
	const event = await alice.say(room, "Read me in private");
	const seen = await bob.sees(room, event);
	const shown = bob.client.getRoom(room);
	await until("bob has an unread message", () => shown.getRoomUnreadNotificationCount() === 1);
	await bob.client.sendReadReceipt(seen, ReceiptType.ReadPrivate);
	await until("bob has read all", () => shown.getRoomUnreadNotificationCount() === 0);
	await until("bob's own receipt comes back", () =>
		shown.getReadReceiptForUserId(bob.userId, true, ReceiptType.ReadPrivate)?.eventId === event);
	const after = await bob.say(room, "Done");
	await alice.sees(room, after);
	const room1 = alice.client.getRoom(room);
	equal(room1.getReadReceiptForUserId(bob.userId, true, ReceiptType.ReadPrivate), null);
	ok(room1.getReadReceiptForUserId(bob.userId, true)?.eventId !== event, "alice does not see it");
});

step("threaded receipts count for their thread alone", async ({ alice, bob, room, thread }) => {
	const shown = bob.client.getRoom(room);
	const { root } = thread;
	await bob.client.sendReadReceipt(shown.getLastLiveEvent(), ReceiptType.Read, true);
	await until("the thread is read", () => shown.getThreadUnreadNotificationCount(root) === 0);
	const reply = await alice.say(room, "And cheese", { "m.relates_to": { rel_type: "m.thread", event_id: root } });
	const seen = await bob.sees(room, reply);
	await until("the thread has one unread", () => shown.getThreadUnreadNotificationCount(root) === 1);
	equal(shown.getRoomUnreadNotificationCount(), 0, "the main timeline");
	await bob.client.sendReadReceipt(seen);
	await until("the thread is read again", () => shown.getThreadUnreadNotificationCount(root) === 0);
	const theirs = alice.client.getRoom(room).getThread(root);
	await until("alice sees the receipt in the thread", () => theirs.getReadReceiptForUserId(bob.userId, true)?.eventId === reply);
});

step("a mention is a highlight", async ({ alice, bob, room }) => {
	const shown = bob.client.getRoom(room);
	const { event_id } = await alice.client.createRoom({ preset: "private_chat", invite: [bob.userId] })
		.then(async ({ room_id }) => {
			await until("bob is invited", () => bob.client.getRoom(room_id)?.getMyMembership() === "invite");
			await bob.client.joinRoom(room_id);
			const plain = await bob.joined(room_id);
			await alice.say(room_id, "Come here", { "m.mentions": { user_ids: [bob.userId] } });
			await until("one highlight", () => plain.getRoomUnreadNotificationCount("highlight") === 1);
			equal(plain.getRoomUnreadNotificationCount("total"), 1);
			return alice.client.sendTextMessage(room_id, "No mention");
		});
	ok(event_id && shown);
});

step("read markers come back as account data", async ({ alice, bob, room }) => {
	const event = await alice.say(room, "Up to here");
	const seen = await bob.sees(room, event);
	await bob.client.setRoomReadMarkers(room, event, seen);
	const shown = bob.client.getRoom(room);
	await until("the marker comes back", () => shown.getAccountData("m.fully_read")?.getContent().event_id === event);
	const room1 = alice.client.getRoom(room);
	await until("so does the receipt", () => room1.getEventReadUpTo(bob.userId, true) === event);
});

step("a muted room counts nothing", async ({ alice, bob, room }) => {
	const shown = bob.client.getRoom(room);
	await bob.client.setRoomMutePushRule("global", room, true);
	await until("the rule comes back", () => bob.client.getRoomPushRule("global", room)
		|| bob.client.pushRules?.global.override.some((rule) => rule.rule_id === room));
	const before = shown.getRoomUnreadNotificationCount();
	await bob.sees(room, await alice.say(room, "Quiet"));
	await pause(100);
	equal(shown.getRoomUnreadNotificationCount(), before);
	await bob.client.setRoomMutePushRule("global", room, false);
	await until("the rule is gone", () => !bob.client.pushRules?.global.override.some((rule) => rule.rule_id === room));
	await bob.sees(room, await alice.say(room, "Loud"));
	await until("it counts again", () => shown.getRoomUnreadNotificationCount() === before + 1);
});
