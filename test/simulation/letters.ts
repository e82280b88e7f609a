/** The simulated dead-letter topic and one process's producer for it. */
import type { DeadLetters } from '../../src/coordinator/outside.ts';
import type { DeadLetter } from '../../src/kafka/dead-letters.ts';
import { VendavalError } from '../../src/lib/errors.ts';
import { REASONS } from '../../src/sale/reasons.ts';
import type { Weather } from './plan.ts';
import type { Actor, World } from './world.ts';

export class SimLetterTopic {
  readonly world: World;
  weather: Weather;
  isDown = false;
  /** `partition/offset` to the reason; every copy that ever came must say the same. */
  readonly letters = new Map<string, string>();
  copies = 0;

  constructor(world: World, weather: Weather) {
    this.world = world;
    this.weather = weather;
  }

  take({ partition, record }: DeadLetter): void {
    const key = `${partition}/${record.offset}`;
    const reason = REASONS[record.reason];
    const known = this.letters.get(key);
    if (known !== undefined && known !== reason) {
      this.world.violate('verdicts are pure', `letter ${key} says ${reason}, and said ${known}`);
    }
    this.letters.set(key, reason);
    this.copies++;
  }

  producer(actor: Actor): DeadLetters {
    const { world } = this;
    return {
      connect: () => world.pause(world.delayMs(), actor, 'letters connect'),
      close: () => world.pause(world.delayMs(), actor, 'letters close'),
      send: (letters) => this.#send(letters, actor),
    };
  }

  /** Each arrives or not, and each arrival is acknowledged or not. */
  #send(letters: readonly DeadLetter[], actor: Actor): Promise<void> {
    if (letters.length === 0) return Promise.resolve();
    const { world, weather } = this;
    const { random } = world;
    return new Promise((resolve, reject) => {
      world.after(world.delayMs(weather.slowMs), null, 'letters arrive', () => {
        let isAcknowledged = !this.isDown;
        for (const letter of letters) {
          if (this.isDown || random.chance(weather.lostLetter)) isAcknowledged = false;
          else this.take(letter);
          if (random.chance(weather.lostLetter)) isAcknowledged = false;
        }
        world.after(world.delayMs(weather.slowMs), actor, 'letters done', () => {
          world.tell(
            actor.name,
            `${letters.length} dead letters ${isAcknowledged ? 'acknowledged' : 'not acknowledged'}`,
          );
          if (isAcknowledged) resolve();
          else reject(notTaken());
        });
      });
    });
  }
}

function notTaken(): VendavalError {
  return new VendavalError('the dead-letter topic did not take a record', {
    code: 'E_DEAD_LETTER',
    retryable: true,
  });
}
