/**
 * The process that makes conversions, from file to file; converter.ts starts it. The only file that knows sharp.
 * Invariant: hostile bytes are decoded nowhere else, by no decoder but those below, without an environment that holds secrets; what is no
 * fault of the image ends the process, and it never outlives whoever started it.
 */
import { access, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import sharp from 'sharp';
import { convertTask, type ConvertAnswer, type ConvertTask } from './convert-task.js';

const maxPixels = 50_000_000;
const decoders = ['Jpeg', 'Png', 'Nsgif', 'Webp', 'Heif'].map((kind) => `VipsForeignLoad${kind}File`);

sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: decoders });
// No image comes twice, and several converters share the processors.
sharp.cache(false);
sharp.concurrency(1);
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

process.on('message', (message: unknown) => void answer(convertTask.parse(message)));
// At once: an ordinary exit waits for the conversion that runs.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

async function answer(task: ConvertTask): Promise<void> {
  await access(task.input);
  const made = await convert(task).catch((error: unknown): ConvertAnswer => ({ unconvertible: error instanceof Error ? error.message : String(error) }));
  if (Buffer.isBuffer(made)) await writeFile(task.output, made, { mode: 0o600 });
  process.send?.(Buffer.isBuffer(made) ? {} : made);
}

/** The first picture of it, upright, without metadata. */
function convert({ input, width, height, fit, format, quality }: ConvertTask): Promise<Buffer> {
  const image = sharp(input, { limitInputPixels: maxPixels, failOn: 'error' })
    .autoOrient()
    .resize({ width, height, ...(fit === 'cover' ? { fit } : { fit: 'inside', withoutEnlargement: true }) });
  // PNG is without loss: a quality would reduce its colours.
  if (format === 'png') return image.png().toBuffer();
  // JPEG knows no transparency, and would make it black.
  return format === 'jpeg' ? image.flatten({ background: 'white' }).jpeg({ quality }).toBuffer() : image.webp({ quality }).toBuffer();
}
