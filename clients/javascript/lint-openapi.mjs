// Redocly's recommended rules over openapi.yaml: each finding on a line, exit 1 if there is one.
import { createConfig, lint } from "@redocly/openapi-core";

const findings = await lint({
  ref: process.argv[2],
  config: await createConfig({ extends: ["recommended"] }),
});
for (const finding of findings) {
  console.log(`${finding.ruleId} at ${finding.location[0]?.pointer}: ${finding.message}`);
}
process.exitCode = findings.length ? 1 : 0;
