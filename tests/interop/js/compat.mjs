// SPDX-License-Identifier: Apache-2.0
// What matrix-js-sdk takes from newer releases of Node than Debian 12's (18): import this before the SDK.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
Promise.withResolvers ??= function () {
	const made = {};
	made.promise = new this((resolve, reject) => Object.assign(made, { resolve, reject }));
	return made;
};
