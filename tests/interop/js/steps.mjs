// SPDX-License-Identifier: Apache-2.0
// Named steps that run in order, and what they share: equal(), until().
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";

const STEP_MS = Number(process.env.HEARTH_STEP_MS ?? 60000);
const steps = [];

// A step that others build upon is marked {base: true}: it runs whichever words were given.
export function step(name, run, { base = false } = {}) {
	steps.push({ name, run, base });
}

export function equal(found, expected, what) {
	assert.deepEqual(found, expected, what && `${what}: found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

export function ok(value, what) {
	assert.ok(value, what);
}

export async function refused(promise, errcode, status) {
	const error = await promise.then(() => assert.fail(`not refused with ${errcode}`), (e) => e);
	if (errcode)
		equal(error.errcode ?? error.message, errcode);
	if (status)
		equal(error.httpStatus, status);
	return error;
}

// What look() answers as soon as it is neither false nor missing.
export async function until(what, look, ms = 20000) {
	for (const end = Date.now() + ms; ;) {
		const found = await look();
		if (found)
			return found;
		if (Date.now() > end)
			throw new Error(`waited ${ms} ms in vain: ${what}`);
		await pause(10);
	}
}

export function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

function limited(name, promise) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not done after ${STEP_MS} ms: ${name}`)), STEP_MS);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function logLine(...parts) {
	appendFileSync(new URL("sdk.log", import.meta.url), parts.map(shown).join(" ") + "\n");
}

function shown(value) {
	if (value instanceof Error)
		return value.stack ?? String(value);
	return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export async function runSteps(world) {
	const words = process.argv.slice(2);
	const wanted = steps.filter((s) => s.base || words.length === 0 || words.some((word) => s.name.includes(word)));
	let failed = 0;
	for (const { name, run } of wanted) {
		const began = Date.now();
		logLine(`===== ${name}`);
		try {
			await limited(name, run(world));
			console.log(`ok    ${name} (${Date.now() - began} ms)`);
		} catch (error) {
			failed++;
			console.log(`FAIL  ${name} (${Date.now() - began} ms)\n${error.stack ?? error}`);
		}
	}
	const share = wanted.length ? Math.floor((100 * (wanted.length - failed)) / wanted.length) : 0;
	console.log(`${share}% tests passed, ${failed} tests failed out of ${wanted.length}`);
	process.exit(failed ? 1 : 0);
}
