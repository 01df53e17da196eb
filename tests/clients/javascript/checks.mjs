// Prints a line per check, "ok - name" or "not ok - name: why", and ends with 1 if any failed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const setting = JSON.parse(readFileSync(process.argv[2], "utf8"));
const PATIENCE_MS = 30_000;
let failed = 0;

export async function check(name, body) {
  try {
    await within(body());
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${name}: ${String(error.message ?? error).split("\n").join(" / ").slice(0, 600)}`);
  }
}

export function within(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("waited too long")), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function fails(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail("it should have failed");
}

export function finish() {
  process.exit(failed === 0 ? 0 : 1);
}
