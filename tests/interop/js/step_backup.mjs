// SPDX-License-Identifier: Apache-2.0
// Key backup: what one device saved, a third one reads with nothing but the recovery key.
import { Device, decodeRecoveryKey } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

step("the third device reads old messages with the recovery key", async (world) => {
	const { alice, bob, room } = world;
	const old = await bob.say(room, "Before the third device was there");
	await alice.sees(room, old);
	const room_id = await alice.createEncrypted({ preset: "private_chat" });
	const note = await alice.say(room_id, "A note to myself");
	await until("all keys are in the backup", async () => {
		const { count } = await alice.client.http.authedRequest("GET", "/room_keys/version");
		return count >= (await alice.crypto.exportRoomKeys()).length;
	});

	const third = await Device.login(alice.userId, { displayName: "alice's third" });
	world.third = third;
	await third.start();
	const shown = await third.joined(room_id);
	const event = await until("the third device has the note", () => shown.findEventById(note));
	await until("it cannot be read", () => event.isDecryptionFailure());
	equal((await third.crypto.getSessionBackupPrivateKey()), null);

	third.recoveryKey = decodeRecoveryKey(alice.encodedRecoveryKey);
	ok(await third.crypto.userHasCrossSigningKeys(alice.userId, true));
	await third.crypto.bootstrapCrossSigning({});
	ok(await third.crypto.isCrossSigningReady(), "cross-signing keys came out of secret storage");
	await third.crypto.loadSessionBackupPrivateKeyFromSecretStorage();
	ok((await third.crypto.checkKeyBackupAndEnable()).trustInfo.trusted, "the backup is trusted");
	const { imported, total } = await third.crypto.restoreKeyBackup();
	ok(total >= 2 && imported === total, `restored ${imported} of ${total}`);
	await until("the note can be read", () => event.getContent().body === "A note to myself");
	equal(await third.reads(room, old), "Before the third device was there");
});

step("a backup that was deleted is gone", async ({ bob }) => {
	await bob.crypto.resetKeyBackup();
	const made = await bob.crypto.getKeyBackupInfo();
	ok(made.version);
	await bob.crypto.deleteKeyBackupVersion(made.version);
	equal(await bob.crypto.getKeyBackupInfo(), null);
	await bob.crypto.resetKeyBackup();
	ok((await bob.crypto.getKeyBackupInfo()).version !== made.version, "versions are not reused");
});
