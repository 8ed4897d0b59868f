import Parser from './Parser';
import {getParsedComment} from './ReportUtils';

/** What the edit box of a message holds when it opens. */
export function getTextToEdit(action) {
    return Parser.htmlToMarkdown(action.html);
}

/** The message after an edit, or the same one when the edit changed nothing. */
export function applyEdit(action, text) {
    const html = getParsedComment(text);
    if (html === action.html) {
        return action;
    }
    return {...action, html, isEdited: true};
}
