export default {
    EXPENSIFY_URL: 'https://www.expensify.com/',
    PUSHER_HOST: 'ws-mt1.pusher.com',
    /** How long the page waits before it opens a lost connection again, in milliseconds. */
    PUSHER_RETRY_DELAY: 1000,
    REGEX: {
        LINE_BREAKS: /\s*\n+\s*/g,
    },
};
