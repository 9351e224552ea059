import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

/** The console: one page, one script, one style sheet. `npm run build` gives `outDir`; the API serves them. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../dist/console', import.meta.url)),
    assetsDir: 'console/assets',
    emptyOutDir: true,
    target: 'es2023',
    // A page's own text in a data URL would need more than the content security policy gives.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    reportCompressedSize: false,
    // How long it took is said of a busy machine, not of the sources.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: {
    proxy: Object.fromEntries(['/api', '/ready', '/openapi.json'].map((path) => [path, 'http://127.0.0.1:8080'])),
  },
})
