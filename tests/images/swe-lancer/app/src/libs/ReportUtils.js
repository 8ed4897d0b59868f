import Str from 'expensify-common/dist/str';
import Parser from './Parser';

/** The name shown for a login: a phone number without the domain that it is kept with. */
export function getDisplayName(login) {
    return Str.isSMSLogin(login) ? Str.removeSMSDomain(login) : login;
}

/** What a message is kept as, from what was typed. */
export function getParsedComment(text) {
    return Parser.replace(text.trim());
}

/** The last message of a report, or nothing when there is none. */
export function getLastAction(report) {
    return report.actions[report.actions.length - 1];
}
