/**
 * Colour for terminals only. Decided here by the stream, not by the library, which also colours
 * pipes wherever the variable CI is set. NO_COLOR and a dumb terminal are honoured.
 */
import pc from 'picocolors';

function coloursFor(stream: NodeJS.WriteStream): ReturnType<typeof pc.createColors> {
  const isWanted = !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  return pc.createColors(stream.isTTY === true && isWanted);
}

/** For what goes to standard output. */
export const outColour = coloursFor(process.stdout);

/** For what goes to standard error. */
export const errColour = coloursFor(process.stderr);

/** A table's frame is coloured by another library, which does not heed NO_COLOR. */
export const TABLE_STYLE = {
  head: [] as string[],
  border: outColour.isColorSupported ? ['grey'] : [],
};
