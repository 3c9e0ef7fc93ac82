import { describe, expect, it } from '@jest/globals';
import { Progress, type Screen } from '../../../src/media/command/progress.js';

/** A terminal that knows what `Progress` says to it: lines, `up n lines`, `clear from here on`. */
class Terminal implements Screen {
  isTTY = true;
  columns = 40;
  lines: string[] = [];

  write(text: string): boolean {
    // oxlint-disable-next-line no-control-regex
    const { up } = /^\u001b\[(?<up>\d+)A\u001b\[0J$/.exec(text)?.groups ?? {};
    if (up === undefined) this.lines.push(text.replace(/\n$/, ''));
    else this.lines.splice(-Number(up));
    return true;
  }
}

describe('the progress of a command', () => {
  it('shows on a terminal what is true at the moment, below the lines that stay', () => {
    const terminal = new Terminal();
    const progress = new Progress(terminal);
    progress.show(['fetching a', 'fetching b']);
    progress.say('stored a');
    expect(terminal.lines).toEqual(['stored a', 'fetching a', 'fetching b']);
    progress.show(['fetching b']);
    progress.beside(() => terminal.write('the answer\n'));
    expect(terminal.lines).toEqual(['stored a', 'the answer', 'fetching b']);
    progress.show([]);
    expect(terminal.lines).toEqual(['stored a', 'the answer']);
  });

  it('keeps each line to one of the terminal', () => {
    const terminal = new Terminal();
    new Progress(terminal).show(['x'.repeat(100)]);
    expect(terminal.lines).toEqual(['x'.repeat(39)]);
  });

  it('says elsewhere what stays only', () => {
    const terminal = Object.assign(new Terminal(), { isTTY: false });
    const progress = new Progress(terminal);
    progress.show(['fetching a']);
    progress.say('stored a');
    progress.show([]);
    expect(terminal.lines).toEqual(['stored a']);
  });

  it('lets no text from elsewhere move the cursor, begin a line or hide', () => {
    const terminal = new Terminal();
    const progress = new Progress(terminal);
    progress.say('failed https://a/\u001b[2J\u202egnp.exe\r\nstored b');
    progress.show(['\u009b2Jfetching\nc']);
    expect(terminal.lines).toEqual(['failed https://a/[2Jgnp.exestored b', '2Jfetchingc']);
  });
});
