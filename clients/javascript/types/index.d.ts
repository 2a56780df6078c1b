export { CustomerClient } from "./client.js";
export { Problem } from "./problem.js";
export { MandatesClient } from "./service.js";
