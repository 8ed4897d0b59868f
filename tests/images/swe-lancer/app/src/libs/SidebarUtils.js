import CONST from '../CONST';
import Parser from './Parser';
import {getDisplayName, getLastAction} from './ReportUtils';

/** The one line of text that stands for a message in the list of chats. */
export function getPreviewText(html) {
    return Parser.htmlToText(html).trim().replace(CONST.REGEX.LINE_BREAKS, ' ');
}

/** What the list of chats shows of a report. */
export function getOptionData(report) {
    const lastAction = getLastAction(report);
    return {
        reportID: report.reportID,
        title: getDisplayName(report.login),
        preview: lastAction ? getPreviewText(lastAction.html) : '',
    };
}
