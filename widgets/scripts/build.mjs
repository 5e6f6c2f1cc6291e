// Makes the one file the widgets load: src/index.ts and its style sheet, minified, as an ES module.
// The build fails above the size the house allows, since every widget instance carries the bundle.

import { transform, build } from "esbuild";
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const LIMIT = 90_000;
const TARGET = ["chrome123", "firefox121", "safari17.5"];

/** Style sheets arrive in TypeScript as minified text. */
export const styleAsText = {
  name: "style-as-text",
  setup(bundler) {
    bundler.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const { code } = await transform(source, { loader: "css", minify: true, target: TARGET });
      return { contents: code, loader: "text" };
    });
  },
};

/** Builds the bundle at `outfile` and returns its size in bytes. */
export async function bundle(outfile = here("gradlab_widgets/static/widget.js")) {
  await build({
    entryPoints: [here("src/index.ts")],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    plugins: [styleAsText],
    logLevel: "warning",
  });
  return (await stat(outfile)).size;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const size = await bundle();
  console.log(`widget.js: ${size} bytes`);
  if (size > LIMIT) {
    console.error(`the bundle is larger than ${LIMIT} bytes`);
    process.exit(1);
  }
}
