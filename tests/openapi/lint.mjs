// Lints an OpenAPI document with Redocly's recommended rules; any finding is a failure.
// Usage: node lint.mjs openapi.json      (in a folder with the packages of package-lock.json)
import { createConfig, lint } from '@redocly/openapi-core';

const config = await createConfig({ extends: ['recommended'] });
const findings = await lint({ ref: process.argv[2], config });
for (const { severity, ruleId, message, location } of findings) {
  console.log(`${severity} ${ruleId} at ${location?.[0]?.pointer}: ${message}`);
}
process.exit(findings.length ? 1 : 0);
