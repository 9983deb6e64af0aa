// SPDX-License-Identifier: Apache-2.0
// Access tokens that run out: refreshed by the SDK, or a soft log-out after which the same device goes on.
import { Device, PASSWORD, authenticate, client } from "./device.mjs";
import { STORE } from "./step_sessions_begin.mjs";
import { equal, ok, refused, step, until } from "./steps.mjs";

step("the SDK refreshes a token that ran out", async ({ alice, bob, room, short: { renewing, refreshed } }) => {
	const { access_token, refresh_token } = renewing.login;
	await until("it is refreshed", () => refreshed.length > 0);
	equal((await renewing.client.whoami()).device_id, renewing.id);
	ok(renewing.client.getAccessToken() !== access_token);
	await refused(client({ accessToken: access_token, userId: bob.userId }).whoami(), "M_UNKNOWN_TOKEN", 401);
	await refused(client().refreshToken(refresh_token), "M_UNKNOWN_TOKEN");
	equal(await alice.reads(room, await renewing.say(room, "Still here")), "Still here");
	await renewing.client.logout(true);
});

step("soft log-out: the device signs in again and keeps its keys", async ({ alice, bob, room, short }) => {
	const { lapsing, secret } = short;
	const identity = await lapsing.crypto.getOwnDeviceKeys();
	const error = await until("the session is logged out", () => short.loggedOut);
	equal([error.errcode, error.data.soft_logout, error.httpStatus], ["M_UNKNOWN_TOKEN", true, 401]);
	lapsing.stop();
	const missed = await alice.say(room, "Said while bob was out");
	await alice.crypto.forceDiscardSession(room);
	const rekeyed = await alice.say(room, "With a key of its own");

	const after = await Device.login(bob.userId, { deviceId: lapsing.id });
	equal(after.id, lapsing.id);
	await after.start({ store: STORE });
	equal(await after.crypto.getOwnDeviceKeys(), identity);
	equal(await after.reads(room, missed), "Said while bob was out");
	equal(await after.reads(room, rekeyed), "With a key of its own");
	await after.client.scrollback(after.client.getRoom(room), 200);
	equal(await after.reads(room, secret), "Only for those who hold the key");
	equal(await alice.reads(room, await after.say(room, "Back again")), "Back again");
	const { devices } = await bob.client.getDevices();
	equal(devices.filter((device) => device.device_id === lapsing.id).length, 1);
	await after.client.logout(true);
});

step("log-out ends a session for good", async ({ bob }) => {
	const device = await Device.login(bob.userId);
	await device.client.logout();
	const error = await refused(device.client.whoami(), "M_UNKNOWN_TOKEN", 401);
	ok(!error.data.soft_logout);
	ok(!(await bob.client.getDevices()).devices.some(({ device_id }) => device_id === device.id));
});

step("a login token signs in another device", async ({ bob }) => {
	const answer = await bob.client.requestLoginToken().catch(async (error) => {
		equal(error.httpStatus, 401);
		const { session } = error.data;
		return bob.client.requestLoginToken({ type: "m.login.password", password: PASSWORD, session,
			identifier: { type: "m.id.user", user: bob.userId } });
	});
	const login = await client().loginRequest({ type: "m.login.token", token: answer.login_token });
	equal(login.user_id, bob.userId);
	await refused(client().loginRequest({ type: "m.login.token", token: answer.login_token }), "M_FORBIDDEN", 403);
	await client({ accessToken: login.access_token, userId: bob.userId, deviceId: login.device_id }).logout();
});

step("a new password signs out the other devices", async (world) => {
	const henry = await Device.register("henry");
	const other = await Device.login(henry.userId);
	const changed = "a horse, a battery";
	const { stages } = await authenticate(henry.client, (auth) => henry.client.setPassword(auth ?? undefined, changed, true),
		{ userId: henry.userId });
	equal(stages, ["m.login.password"]);
	ok(!(await refused(other.client.whoami(), "M_UNKNOWN_TOKEN", 401)).data.soft_logout);
	equal((await henry.client.whoami()).device_id, henry.id);
	await refused(Device.login(henry.userId), "M_FORBIDDEN", 403);
	equal((await client().loginWithPassword(henry.userId, changed)).user_id, henry.userId);
	world.henry = { henry, changed };
});

step("a deactivated account is closed for good", async ({ henry: { henry, changed } }) => {
	await authenticate(henry.client, (auth) => henry.client.deactivateAccount(auth ?? undefined, true),
		{ userId: henry.userId, password: changed });
	await refused(henry.client.whoami(), "M_UNKNOWN_TOKEN", 401);
	await refused(client().loginWithPassword(henry.userId, changed), null, 403);
	equal(await client().isUsernameAvailable("henry"), false);
});
