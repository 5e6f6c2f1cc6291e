// Writes one self-contained page per example trace into a folder: for looking at and for measuring.
// Payloads that are there already (NAME.json, of models.py) get pages, too.
// usage: node scripts/pages.mjs FOLDER

import { build } from "esbuild";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundle } from "./build.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Every example: which view it is shown in, and the payload. */
async function examples(folder) {
  const outfile = join(folder, "fixtures.mjs");
  await build({
    entryPoints: [join(root, "tests/fixtures/traces.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "warning",
  });
  const make = await import(pathToFileURL(outfile).href);
  return {
    "sin-step": ["step", make.sinTrace()],
    "sin-graph": ["graph", make.sinTrace()],
    eventful: ["step", make.eventfulTrace()],
    second: ["step", make.secondTrace()],
    network: ["step", make.networkTrace()],
    diamond: ["step", make.diamondTrace()],
    "diamond-graph": ["graph", make.diamondTrace()],
    chain: ["step", make.chainTrace(10_000)],
    fan: ["step", make.fanTrace(5_000)],
    recurrent: ["step", make.recurrentTrace(10_000)],
    random: ["step", make.randomTrace(10_000)],
    large: ["step", make.randomTrace(1_900)],
    middle: ["step", make.randomTrace(400)],
    nasty: ["step", make.nastyTrace()],
    empty: ["graph", make.emptyTrace()],
    plot: ["plot", make.sinPlot()],
    gap: ["plot", make.gapPlot()],
    ...(await payloadsIn(folder)),
  };
}

async function payloadsIn(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const read = async (name) => JSON.parse(await readFile(join(folder, name), "utf8"));
  const pairs = names.map(async (name) => [name.slice(0, -5), await read(name)]);
  return Object.fromEntries(await Promise.all(pairs));
}

/** JSON inside a script element: `<` must not be able to close it. */
const embedded = (value) => JSON.stringify(value).replaceAll("<", "\\u003c");

const page = (title, source, view, payload) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>:root { color-scheme: light dark } body { margin: 16px }</style>
<div id="here"></div>
<script id="payload" type="application/json">${embedded(payload)}</script>
<script id="bundle" type="text/plain">${source.replaceAll("</script", "<\\/script")}</script>
<script type="module">
const text = (id) => document.getElementById(id).textContent;
const bundle = URL.createObjectURL(new Blob([text("bundle")], { type: "text/javascript" }));
const { mount, render } = await import(bundle);
const payload = JSON.parse(text("payload"));
window.gradlab = { mount, render, payload, view: ${JSON.stringify(view)} };
if (!location.hash) mount(document.getElementById("here"), { view: gradlab.view, payload });
</script>
</html>
`;

const folder = process.argv[2];
if (!folder) throw new Error("usage: node scripts/pages.mjs FOLDER");
await mkdir(folder, { recursive: true });
await bundle(folder);
const bundles = { graph: "graph.js", step: "step.js", live: "graph.js", tour: "tour.js" };
for (const [name, [view, payload]] of Object.entries(await examples(folder))) {
  const source = await readFile(join(folder, bundles[view] ?? "chart.js"), "utf8");
  await writeFile(join(folder, `${name}.html`), page(name, source, view, payload));
}
console.log(`pages written to ${folder}`);
