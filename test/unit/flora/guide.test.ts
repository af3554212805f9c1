import { expect, it } from 'vitest';
import { Guide } from '../../../src/flora/tour/guide.js';

function guideWithLines(closing = new AbortController().signal): { guide: Guide; lines: string[] } {
  const lines: string[] = [];
  return { guide: new Guide((line) => lines.push(line), closing), lines };
}

it('a tour on which every step is as promised ends well', async () => {
  const { guide, lines } = guideWithLines();
  await guide.step('Roses are red', async ({ expect, note }) => {
    expect('the colour', ['red'], ['red']);
    note('very red');
  });
  expect(guide.end()).toBe(true);
  expect(lines[0]).toMatch(/1 ✓ Roses are red +\d+ ms/);
  expect(lines[1]).toContain('very red');
  expect(lines.at(-1)).toContain('1 steps, all as promised');
});

it('a step that is not as promised says what was expected and what was seen, and the tour fails but goes on', async () => {
  const { guide, lines } = guideWithLines();
  await guide.step('Violets are blue', async ({ expect }) => expect('the colour', 'violet', 'blue'));
  await guide.step('Sugar is sweet', async () => {});
  expect(lines.join('\n')).toContain('the colour: expected "blue", saw "violet"');
  expect(lines.join('\n')).toMatch(/2 ✓ Sugar is sweet/);
  expect(guide.end()).toBe(false);
  expect(lines.at(-1)).toContain('1 NOT as promised');
});

it('a step that throws fails the tour', async () => {
  const { guide } = guideWithLines();
  await guide.step('The door opens', () => Promise.reject(new Error('stuck')));
  expect(guide.end()).toBe(false);
});

it('what is skipped is said and counted, and fails nothing', async () => {
  const { guide, lines } = guideWithLines();
  guide.skip('The bell rings', 'there is no bell');
  expect(guide.end()).toBe(true);
  expect(lines.join('\n')).toContain('there is no bell');
  expect(lines.at(-1)).toContain('0 steps, all as promised, 1 skipped');
});

it('a tour that is cut off takes no further step, and did not succeed', async () => {
  const closing = new AbortController();
  const { guide } = guideWithLines(closing.signal);
  closing.abort();
  await guide.step('Nobody is here', () => Promise.reject(new Error('someone is')));
  expect(guide.end()).toBe(false);
});
