import { defineConfig } from 'vite'

/** Each island is an entry of its own, so that a page loads only what it uses. */
const ISLANDS = ['check-file', 'copy', 'download-here', 'inspect', 'queue', 'submit'] as const

export default defineConfig({
  base: '/',
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: 'dist/client',
    assetsDir: 'assets',
    emptyOutDir: true,
    manifest: true,
    target: 'es2023',
    // The site's CSP allows no data: URLs, so that nothing may be inlined as one.
    assetsInlineLimit: 0,
    // The polyfill is an inline concern of browsers that cannot run the islands anyway.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // The WebTorrent bundle is fetched only after a click and a word about it.
    chunkSizeWarningLimit: 300,
    rolldownOptions: {
      input: ['src/web/styles/main.css', ...ISLANDS.map((name) => `src/web/islands/${name}.ts`)],
    },
  },
  // Each worker is one file: what it needs late must be there also when the network has gone.
  worker: { format: 'es', rolldownOptions: { output: { codeSplitting: false } } },
})
