// SPDX-License-Identifier: Apache-2.0
// Two devices whose access tokens run out while the steps in between are at work.
import { Device, client, sdk } from "./device.mjs";
import { equal, ok, step, until } from "./steps.mjs";

export const STORE = "hearth-soft-logout";

// What applications give the SDK to renew tokens with.
function refresher(log) {
	return async (refreshToken) => {
		const answer = await client().refreshToken(refreshToken);
		log.push(answer.access_token);
		return { accessToken: answer.access_token, refreshToken: answer.refresh_token,
			expiry: new Date(Date.now() + answer.expires_in_ms) };
	};
}

step("two devices sign in for a short while", async (world) => {
	const { alice, bob, room } = world;
	const refreshed = [];
	const renewing = await Device.login(bob.userId, { refresh: true, client: { tokenRefreshFunction: refresher(refreshed) } });
	const lapsing = await Device.login(bob.userId, { refresh: true });
	ok(renewing.login.refresh_token && renewing.login.expires_in_ms <= 8000, "a refresh token, and a short life");
	world.short = { renewing, lapsing, refreshed, loggedOut: null };
	lapsing.client.on(sdk.HttpApiEvent.SessionLoggedOut, (error) => {
		world.short.loggedOut = error;
	});
	await Promise.all([renewing.start(), lapsing.start({ store: STORE })]);
	await until("alice knows of them", async () => {
		const devices = (await alice.crypto.getUserDeviceInfo([bob.userId])).get(bob.userId);
		return devices?.has(renewing.id) && devices.has(lapsing.id);
	});
	world.short.secret = await alice.say(room, "Only for those who hold the key");
	equal(await lapsing.reads(room, world.short.secret), "Only for those who hold the key");
}, { base: true });
