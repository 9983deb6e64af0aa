// SPDX-License-Identifier: Apache-2.0
// A user's device: an SDK client with crypto and a running sync.
import "./compat.mjs";
import "fake-indexeddb/auto";
import { logLine, until } from "./steps.mjs";

export const sdk = await import("matrix-js-sdk");
export const { CryptoEvent, decodeRecoveryKey } = await import("matrix-js-sdk/lib/crypto-api/index.js");

export const baseUrl = process.env.HEARTH_URL;
export const PASSWORD = "correct horse battery";

class FileLogger {
	constructor(name) {
		this.name = name;
		for (const level of ["trace", "debug", "info", "warn", "error"])
			this[level] = (...parts) => logLine(this.name, level, ...parts);
	}
	getChild(name) {
		return new FileLogger(`${this.name}${name}`);
	}
}

// What has no logger of a client speaks to the console.
for (const level of ["trace", "debug", "info", "warn", "error"])
	console[level] = (...parts) => logLine("sdk", level, ...parts);

// As in a browser: what the SDK does in the background may fail while the server is away.
process.on("unhandledRejection", (error) => logLine("sdk", "unhandled", error));

// The SDK saves keys after a random part of ten seconds; a test need not wait.
Math.random = () => 0.01;

export function client(options = {}) {
	return sdk.createClient({ baseUrl, logger: new FileLogger(options.userId ?? "-"), disableVoip: true, ...options });
}

// Answers the stages of user-interactive authentication; stages: what was asked, in order.
export function authenticate(matrixClient, doRequest, { password = PASSWORD, token, userId } = {}) {
	const stages = [];
	const auth = new sdk.InteractiveAuth({
		matrixClient,
		doRequest,
		inputs: token ? { registrationToken: token } : {},
		requestEmailToken: () => Promise.reject(new Error("no e-mail here")),
		stateUpdated: (type, status) => {
			if (status.errcode || status.error)
				return Promise.reject(new Error(`${type}: ${status.error}`));
			stages.push(type);
			if (type === "m.login.password")
				auth.submitAuthDict({ type, password, identifier: { type: "m.id.user", user: userId } });
			else
				auth.submitAuthDict({ type, ...(token && { token }) });
		},
	});
	return auth.attemptAuth().then((answer) => ({ answer, stages }));
}

const VERIFICATION = ["m.sas.v1", "m.qr_code.show.v1", "m.qr_code.scan.v1", "m.reciprocate.v1"];

export class Device {
	constructor(login, options = {}) {
		this.userId = login.user_id;
		this.id = login.device_id;
		this.requests = [];
		this.recoveryKey = null;
		this.client = client({
			userId: login.user_id, deviceId: login.device_id, accessToken: login.access_token, refreshToken: login.refresh_token,
			timelineSupport: true, cryptoCallbacks: this.secretStorage(), verificationMethods: VERIFICATION, ...options,
		});
		this.client.on(CryptoEvent.VerificationRequestReceived, (request) => this.requests.push(request));
	}

	static async register(username, options) {
		const stranger = client();
		const { answer, stages } = await authenticate(stranger, (auth) => stranger.registerRequest({
			username, password: PASSWORD, auth: auth ?? undefined, initial_device_display_name: `${username}'s first`,
			refresh_token: options?.refresh || undefined }), options);
		return Object.assign(new Device(answer, options?.client), { stages, login: answer });
	}

	static async login(userId, options = {}) {
		const answer = await client().loginRequest({
			type: "m.login.password", identifier: { type: "m.id.user", user: userId }, password: PASSWORD,
			device_id: options.deviceId, refresh_token: options.refresh || undefined,
			initial_device_display_name: options.displayName });
		return Object.assign(new Device(answer, options.client), { login: answer });
	}

	get crypto() {
		return this.client.getCrypto();
	}

	secretStorage() {
		return {
			getSecretStorageKey: async ({ keys }) => this.recoveryKey && [Object.keys(keys)[0], this.recoveryKey],
			cacheSecretStorageKey: (_, __, key) => {
				this.recoveryKey = key;
			},
		};
	}

	async start({ store = null, ...options } = {}) {
		await this.client.initRustCrypto(store ? { cryptoDatabasePrefix: store } : { useIndexedDB: false });
		await this.client.startClient({ threadSupport: true, lazyLoadMembers: true, initialSyncLimit: 20, pollTimeout: 5000,
			...options });
		await until(`first sync of ${this.id}`, () => this.client.isInitialSyncComplete());
		return this;
	}

	stop() {
		this.client.stopClient();
	}

	async room(roomId) {
		return until(`room ${roomId} of ${this.id}`, () => this.client.getRoom(roomId));
	}

	joined(roomId) {
		return until(`${this.userId} joins`, () => this.client.getRoom(roomId)?.getMyMembership() === "join"
			&& this.client.getRoom(roomId));
	}

	// A new room that this device knows to be encrypted: before that it would send plain text.
	async createEncrypted({ initial_state = [], ...options } = {}) {
		const { room_id } = await this.client.createRoom({ ...options, initial_state: [...initial_state,
			{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }] });
		await this.joined(room_id);
		await until("the room is known as encrypted", () => this.crypto.isEncryptionEnabledInRoom(room_id));
		return room_id;
	}

	async say(roomId, body, content = {}) {
		const { event_id } = await this.client.sendMessage(roomId, { msgtype: "m.text", body, ...content });
		return event_id;
	}

	// An event as this device sees it in its timelines, decrypted.
	async sees(roomId, eventId) {
		const room = await this.room(roomId);
		const event = await until(`${this.id} sees ${eventId}`, () => room.findEventById(eventId));
		await until(`${this.id} reads ${eventId}`, () => !event.isBeingDecrypted() && event.getType() !== "m.room.encrypted"
			&& !event.isDecryptionFailure());
		return event;
	}

	async reads(roomId, eventId) {
		return (await this.sees(roomId, eventId)).getContent().body;
	}
}
