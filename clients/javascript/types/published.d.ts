export * from './index.js';
export type * from './shapes.js';
