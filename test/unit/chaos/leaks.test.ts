import { expect, it } from 'vitest';
import { Leaks } from '../../chaos/leaks.ts';

it('finds a secret in each spelling, and says where', () => {
  const leaks = new Leaks(['p:"1/ã']);
  leaks.look('plain', 'mongodb://u:p:"1/ã@h');
  leaks.look('in a URL', 'mongodb://u:p%3A%221%2F%C3%A3@h');
  leaks.look('in JSON', JSON.stringify({ mongo: 'p:"1/ã' }));
  leaks.look('in base 64', Buffer.from('p:"1/ã').toString('base64'));
  leaks.look('masked', 'mongodb://u:***@h');
  expect(leaks.found).toEqual(['plain', 'in a URL', 'in JSON', 'in base 64']);
  expect(leaks.looks).toBe(5);
});
