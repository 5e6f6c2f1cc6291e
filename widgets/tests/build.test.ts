/** Properties are made short only where nobody calls them by their names from outside. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(path, "utf-8");
const own: string[] = JSON.parse(read("src/own.json"));
const sources = readdirSync("src").filter((name) => name.endsWith(".ts"));
const code = sources.map((name) => read(`src/${name}`)).join("\n");
const payloads = read("../docs/trace.md") + read("../docs/charts.md");

for (const name of own) {
  test(`${name} is a property, and never a text`, () => {
    assert.ok(code.match(new RegExp(`\\b${name}\\b`)), "nothing has this name");
    for (const all of [code, payloads])
      assert.ok(!all.match(new RegExp(`"${name}"`)), "it is a text as well");
  });
}
