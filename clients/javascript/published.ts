// What TypeScript finds under the package's name: the code's own types, and the shapes they use.
export * from './index.js'
export type * from './shapes.js'
