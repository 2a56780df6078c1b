// Writes client and elements as one minified file: node bundle.mjs FILE
import { build } from 'esbuild'

await build({ entryPoints: ['elements/index.js'], bundle: true, minify: true, format: 'esm', outfile: process.argv[2] })
