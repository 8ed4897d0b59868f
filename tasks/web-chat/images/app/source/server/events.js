const HEARTBEAT_MS = 20_000;

// The open event streams of one workspace, by person. A person may have several: a tab, a phone.
export class EventStreams {
  #streams = new Map();

  open(personId, request, response) {
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      Connection: 'keep-alive',
    });
    response.write('retry: 1000\n\n');

    const streams = this.#streams.get(personId) ?? new Set();
    streams.add(response);
    this.#streams.set(personId, streams);

    const heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT_MS);
    request.on('close', () => {
      clearInterval(heartbeat);
      streams.delete(response);
    });
  }

  send(personId, event) {
    for (const response of this.#streams.get(personId) ?? []) {
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    }
  }
}
