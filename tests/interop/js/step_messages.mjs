// SPDX-License-Identifier: Apache-2.0
// Two users, an encrypted room, messages both ways.
import { Device } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

const base = { base: true };

step("alice registers", async (world) => {
	world.alice = await Device.register("alice");
	equal(world.alice.userId, "@alice:example.com");
	await world.alice.start();
}, base);

step("bob registers", async (world) => {
	world.bob = await Device.register("bob");
	await world.bob.start();
}, base);

step("alice creates an encrypted room and bob joins it", async (world) => {
	const { alice, bob } = world;
	const room_id = await alice.createEncrypted({ name: "Hearth", preset: "trusted_private_chat", invite: [bob.userId],
		is_direct: true });
	world.room = room_id;
	const room = alice.client.getRoom(room_id);
	equal((await until("bob is invited", () => bob.client.getRoom(room_id))).getMyMembership(), "invite");
	await bob.client.joinRoom(room_id);
	await bob.joined(room_id);
	await until("alice sees bob", () => room.getMember(bob.userId)?.membership === "join");
	equal((await bob.joined(room_id)).name, "Hearth");
	ok(await bob.crypto.isEncryptionEnabledInRoom(room_id));
}, base);

step("messages go both ways, encrypted", async ({ alice, bob, room }) => {
	const hello = await alice.say(room, "Hello Bob");
	const event = await bob.sees(room, hello);
	equal(event.getContent().body, "Hello Bob");
	equal(event.getWireType(), "m.room.encrypted");
	const answer = await bob.say(room, "Hello Alice");
	equal(await alice.reads(room, answer), "Hello Alice");
	equal((await alice.client.fetchRoomEvent(room, answer)).type, "m.room.encrypted");
});
