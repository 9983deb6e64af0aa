// SPDX-License-Identifier: Apache-2.0
// Cross-signing, secret storage and verification by short authentication strings.
import { Device, authenticate } from "./device.mjs";
import { equal, ok, pause, refused, step, until } from "./steps.mjs";

const PHASE_READY = 3;
const PHASE_CANCELLED = 5;
const PHASE_DONE = 6;
const base = { base: true };

async function bootstrap(device, options = {}) {
	const asked = [];
	await device.crypto.bootstrapCrossSigning({
		authUploadDeviceSigningKeys: async (makeRequest) => {
			const { stages } = await authenticate(device.client, makeRequest, { userId: device.userId });
			asked.push(...stages);
		},
		...options,
	});
	return asked;
}

async function verification(request) {
	return until("the verification starts", () => request.verifier);
}

// The two compare what they are shown, and agree: one after the other, for the SDK may send its "done" while its "mac" is
// still under way, and the other side waits for ever if that is overtaken.
async function compareStrings(verifiers) {
	const shown = verifiers.map((verifier) => new Promise((resolve) => verifier.on("show_sas", resolve)));
	const verified = verifiers.map((verifier) => verifier.verify());
	const [ours, theirs] = await Promise.race([Promise.all(shown), Promise.all(verified).then(() => [])]);
	equal(ours.sas.emoji.length, 7);
	equal(ours.sas.emoji, theirs.sas.emoji);
	equal(ours.sas.decimal, theirs.sas.decimal);
	await ours.confirm();
	await pause(150);
	await theirs.confirm();
	await Promise.all(verified);
}

// The SDK cancels a request at once that it is given while it still tidies up after the one before. The other side must
// hear of the cancellation before it is asked again.
async function askUntilHeard(ask) {
	for (let tries = 0; tries < 5; tries++) {
		const request = await ask();
		await pause(20);
		if (request.phase !== PHASE_CANCELLED)
			return request;
		await pause(500);
	}
	throw new Error("each request is cancelled at once");
}

// One asks, the other accepts, the first starts.
async function verify(asker, answerer, ask) {
	const request = await askUntilHeard(ask);
	const received = await until("the request arrives", () =>
		answerer.requests.find((r) => r.transactionId === request.transactionId));
	await received.accept();
	await until("the request is accepted", () => request.phase === PHASE_READY);
	const verifier = await request.startVerification("m.sas.v1");
	await compareStrings([verifier, await verification(received)]);
	await until("both are done", () => request.phase === PHASE_DONE && received.phase === PHASE_DONE);
}

async function trusts(device, other) {
	const status = await device.crypto.getDeviceVerificationStatus(other.userId, other.id);
	return status?.crossSigningVerified === true;
}

step("alice and bob make cross-signing keys", async ({ alice, bob }) => {
	for (const person of [alice, bob]) {
		await bootstrap(person);
		ok(await person.crypto.isCrossSigningReady(), `${person.userId} is ready`);
		await until("the device is signed", () => trusts(person, person));
	}
	const { master_keys, self_signing_keys, user_signing_keys, device_keys } =
		await alice.client.downloadKeysForUsers([alice.userId, bob.userId]);
	equal(Object.keys(master_keys).sort(), [alice.userId, bob.userId]);
	equal(Object.keys(self_signing_keys).sort(), [alice.userId, bob.userId]);
	equal(Object.keys(user_signing_keys), [alice.userId]);
	equal(Object.keys(device_keys[alice.userId][alice.id].signatures[alice.userId]).length, 2);
}, base);

step("cross-signing keys are replaced only with the password", async ({ bob }) => {
	await refused(bootstrap(bob, { setupNewCrossSigning: true, authUploadDeviceSigningKeys: (make) => make(null) }), null, 401);
	equal(await bootstrap(bob, { setupNewCrossSigning: true }), ["m.login.password"]);
	await until("the device is signed anew", () => trusts(bob, bob));
});

step("alice sets up secret storage and a key backup", async ({ alice }) => {
	await alice.crypto.bootstrapSecretStorage({
		createSecretStorageKey: async () => {
			const made = await alice.crypto.createRecoveryKeyFromPassphrase();
			alice.encodedRecoveryKey = made.encodedPrivateKey;
			return made;
		},
		setupNewSecretStorage: true,
		setupNewKeyBackup: true,
	});
	await until("secret storage is ready", () => alice.crypto.isSecretStorageReady());
	const stored = await until("the secrets are stored", () => alice.client.secretStorage.isStored("m.cross_signing.master"));
	equal(Object.keys(stored).length, 1);
	ok(await alice.client.secretStorage.isStored("m.megolm_backup.v1"));
	const backup = await alice.crypto.checkKeyBackupAndEnable();
	equal(backup.backupInfo.algorithm, "m.megolm_backup.v1.curve25519-aes-sha2");
	ok(backup.trustInfo.trusted, "alice trusts her backup");
}, base);

step("alice and bob verify each other in the room", async ({ alice, bob, room }) => {
	ok(!(await alice.crypto.getUserVerificationStatus(bob.userId)).isCrossSigningVerified());
	await verify(alice, bob, () => alice.crypto.requestVerificationDM(bob.userId, room));
	for (const [person, other] of [[alice, bob], [bob, alice]]) {
		await until(`${person.userId} trusts ${other.userId}`, async () =>
			(await person.crypto.getUserVerificationStatus(other.userId)).isCrossSigningVerified());
		await until(`${person.userId} trusts the device of ${other.userId}`, () => trusts(person, other));
	}
}, base);

step("alice's second device is verified by her first", async (world) => {
	const { alice, bob, room } = world;
	const second = await Device.login(alice.userId, { displayName: "alice's second" });
	world.second = second;
	await second.start();
	ok(!(await trusts(second, alice)), "the new device trusts nobody yet");
	await until("the first device sees the second", async () =>
		(await alice.crypto.getUserDeviceInfo([alice.userId])).get(alice.userId)?.has(second.id));
	await verify(second, alice, () => second.crypto.requestOwnUserVerification());
	await until("the second device trusts the first", () => trusts(second, alice));
	await until("the first device trusts the second", () => trusts(alice, second));
	await until("bob trusts the second device", async () => {
		await bob.crypto.getUserDeviceInfo([alice.userId], true);
		return trusts(bob, second);
	});
	await until("the private keys came by gossip", async () => {
		const { privateKeysCachedLocally: keys } = await second.crypto.getCrossSigningStatus();
		return keys.masterKey && keys.selfSigningKey && keys.userSigningKey;
	});
	const event = await bob.say(room, "To both of your devices");
	equal(await second.reads(room, event), "To both of your devices");
	equal(await alice.reads(room, event), "To both of your devices");
	const event2 = await second.say(room, "From my second device");
	equal(await bob.reads(room, event2), "From my second device");
	equal((await bob.crypto.getEncryptionInfoForEvent(await bob.sees(room, event2))).shieldColour, 0);
});

step("devices can verify each other by to-device messages", async ({ alice, bob }) => {
	await verify(bob, alice, () => bob.crypto.requestDeviceVerification(alice.userId, alice.id));
});

step("a mismatch of the strings cancels on both sides", async ({ alice, bob, room }) => {
	const request = await askUntilHeard(() => bob.crypto.requestVerificationDM(alice.userId, room));
	const received = await until("the request arrives", () =>
		alice.requests.find((r) => r.transactionId === request.transactionId));
	await received.accept();
	await until("the request is accepted", () => request.phase === PHASE_READY);
	const verifier = await request.startVerification("m.sas.v1");
	const theirs = await verification(received);
	const shown = new Promise((resolve) => verifier.on("show_sas", resolve));
	const ends = [verifier.verify(), theirs.verify()].map((end) => end.then(() => null, (error) => error));
	(await shown).mismatch();
	ok(!(await Promise.all(ends)).includes(null), "neither side may be satisfied");
	await until("both are cancelled", () => request.cancellationCode && received.cancellationCode);
	equal([request.cancellationCode, received.cancellationCode], ["m.mismatched_sas", "m.mismatched_sas"]);
});
