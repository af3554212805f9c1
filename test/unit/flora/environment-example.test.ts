import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VARIABLES } from '../../../src/environment.js';
import { validateConfiguration } from '../../../src/flora/configuration.js';

const text = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8');
const example = Object.fromEntries(
  [...text.matchAll(/^# ([A-Z][A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
);

it('.env.example names every variable of the package and of the shop, with its default', () => {
  const defaults = validateConfiguration({});
  for (const name of [...Object.keys(VARIABLES), 'HOST', 'PORT']) expect(example).toHaveProperty(name);
  for (const [name, value] of Object.entries(defaults)) {
    if (name !== 'ADMIN_TOKEN') expect([name, example[name]]).toEqual([name, String(value)]);
  }
});

it('.env.example could be used as it is', () => {
  expect(() => validateConfiguration(example)).not.toThrow();
});
