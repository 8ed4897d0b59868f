/* global __ENVIRONMENT__ -- put in by webpack */
import CONST from './CONST';

const useWebProxy = __ENVIRONMENT__.USE_WEB_PROXY !== 'false';
const expensifyURL = (__ENVIRONMENT__.EXPENSIFY_URL || CONST.EXPENSIFY_URL).replace(/\/*$/, '/');

export default {
    API_ROOT: useWebProxy ? '/api/' : `${expensifyURL}api/`,
    PUSHER_URL: `wss://${CONST.PUSHER_HOST}/app/${__ENVIRONMENT__.PUSHER_APP_KEY}?protocol=7&client=js`,
};
