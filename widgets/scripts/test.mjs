// Bundles every tests/*.test.ts into .build/ and runs them with Node's own test runner.

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleAsText } from "./build.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, ".build");
const tests = readdirSync(join(root, "tests")).filter((name) => name.endsWith(".test.ts"));

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: tests.map((name) => join(root, "tests", name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  sourcemap: "inline",
  plugins: [styleAsText],
  logLevel: "warning",
});
const files = tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const run = spawnSync(
  process.execPath,
  ["--test", "--test-reporter=spec", "--enable-source-maps", ...files],
  {
    stdio: "inherit",
  },
);
process.exit(run.status ?? 1);
