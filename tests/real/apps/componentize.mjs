// Builds one component with componentize-js: node componentize.mjs PACKAGE SOURCE WIT WORLD OUTPUT
// (`jco componentize` does the same, but fails on some machines.)
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [packageFolder, sourcePath, witPath, worldName, output] = process.argv.slice(2);
const entry = pathToFileURL(resolve(packageFolder, "src", "componentize.js"));
const { componentize } = await import(entry);
const { component } = await componentize({ sourcePath, witPath, worldName });
await writeFile(output, component);
