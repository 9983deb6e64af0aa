// SPDX-License-Identifier: Apache-2.0
// A room is upgraded; both sides follow into the new one.
import { equal, ok, refused, step, until } from "./steps.mjs";

step("an upgraded room is followed into the new one", async ({ alice, bob }) => {
	const old = await alice.createEncrypted({ preset: "public_chat", name: "Parlour", room_version: "10", topic: "Tea" });
	await bob.client.joinRoom(old);
	await bob.joined(old);
	await alice.client.setRoomTag(old, "m.favourite", { order: 0.5 });
	const last = await alice.say(old, "We are moving");
	equal(await bob.reads(old, last), "We are moving");
	const shown = alice.client.getRoom(old);
	equal(shown.getVersion(), "10");
	ok(shown.userMayUpgradeRoom(alice.userId));
	await refused(bob.client.upgradeRoom(old, "12"), "M_FORBIDDEN", 403);

	const { replacement_room: next } = await alice.client.upgradeRoom(old, "12");
	const tombstone = await until("bob sees the tombstone", () =>
		bob.client.getRoom(old).currentState.getStateEvents("m.room.tombstone", ""));
	equal(tombstone.getContent().replacement_room, next);
	const moved = await alice.joined(next);
	equal([moved.getVersion(), moved.name, moved.getCreator()], ["12", "Parlour", alice.userId]);
	await bob.client.joinRoom(next);
	const followed = await bob.joined(next);
	equal(followed.findPredecessor().roomId, old);
	equal(followed.currentState.getStateEvents("m.room.topic", "").getContent().topic, "Tea");
	await until("the tag moved along", () => moved.tags["m.favourite"]?.order === 0.5);
	for (const person of [alice, bob]) {
		equal(person.client.getRoomUpgradeHistory(next, true).map((room) => room.roomId), [old, next]);
		ok(!person.client.getVisibleRooms().some((room) => room.roomId === old), "the old room is hidden");
	}
	await refused(bob.say(old, "Anybody left?"), "M_FORBIDDEN", 403);
	await until("the new room is encrypted", () => bob.crypto.isEncryptionEnabledInRoom(next));
	equal(await alice.reads(next, await bob.say(next, "Nice place")), "Nice place");
	equal((await alice.client.fetchRoomEvent(old, last)).type, "m.room.encrypted");
});
