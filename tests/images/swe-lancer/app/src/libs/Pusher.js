import CONFIG from '../CONFIG';
import CONST from '../CONST';

/** Keeps a connection to the push server, and tells `onChange` whether there is one. */
export default function connect(onChange) {
    const socket = new WebSocket(CONFIG.PUSHER_URL);
    socket.addEventListener('message', ({data}) => {
        const {event} = JSON.parse(data);
        if (event === 'pusher:connection_established') {
            onChange(true);
        } else if (event === 'pusher:ping') {
            socket.send(JSON.stringify({event: 'pusher:pong', data: {}}));
        }
    });
    socket.addEventListener('close', () => {
        onChange(false);
        setTimeout(() => connect(onChange), CONST.PUSHER_RETRY_DELAY);
    });
}
