// Makes the files the widgets load, each an ES module, minified, with its style sheets in it: one for
// graphs, one for steppers, one for charts and one for tours, since every widget instance carries its
// bundle whole. The build fails above the size the house allows.

import { transform, build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const LIMIT = 90_000;
/** The bundles, each with the file it starts from. */
const ENTRIES = {
  "graph.js": "src/graph.ts",
  "step.js": "src/step.ts",
  "chart.js": "src/chart.ts",
  "tour.js": "src/tour.ts",
};
const TARGET = ["chrome123", "firefox121", "safari17.5"];
/** Properties that our own code alone knows, no payload and no page: their names are made short. */
const OWN = JSON.parse(await readFile(here("src/own.json"), "utf8"));

/** Style sheets arrive in TypeScript as minified text. */
export const styleAsText = {
  name: "style-as-text",
  setup(bundler) {
    bundler.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const { code } = await transform(source, { loader: "css", minify: true, target: TARGET });
      // esbuild leaves spaces in custom properties, since it cannot know what they hold.
      return { contents: code.trim().replace(/(?<=--[\w-]+:|,) /g, ""), loader: "text" };
    });
  },
};

/** Builds the bundles in `folder` and returns their sizes in bytes. */
export async function bundle(folder = here("gradlab_widgets/static")) {
  const names = Object.keys(ENTRIES);
  await build({
    entryPoints: names.map((name) => ({ in: here(ENTRIES[name]), out: name.slice(0, -3) })),
    outdir: folder,
    bundle: true,
    minify: true,
    format: "esm",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    mangleProps: new RegExp(`^(${OWN.join("|")})$`),
    plugins: [styleAsText],
    logLevel: "warning",
  });
  const sizes = names.map(async (name) => [name, await shorten(join(folder, name))]);
  return Object.fromEntries(await Promise.all(sizes));
}

/** What esbuild leaves terser makes 2 % shorter; returns the size in bytes. */
async function shorten(path) {
  const source = await readFile(path, "utf8");
  // No function here is a constructor, has a `this` or is asked how many parameters it has.
  const compress = { passes: 3, unsafe_arrows: true, keep_fargs: false };
  const { code } = await minify(source, { module: true, ecma: 2022, compress });
  await writeFile(path, code);
  return Buffer.byteLength(code);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, size] of Object.entries(await bundle())) {
    console.log(`${name}: ${size} bytes`);
    if (size <= LIMIT) continue;
    console.error(`${name} is larger than ${LIMIT} bytes`);
    process.exitCode = 1;
  }
}
