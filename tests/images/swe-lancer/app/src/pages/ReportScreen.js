import request from '../libs/API';
import h from '../libs/dom';
import {applyEdit, getTextToEdit} from '../libs/ReportActionsUtils';
import {getDisplayName, getParsedComment} from '../libs/ReportUtils';
import en from '../languages/en';

/** The messages of a report, and the box to write another. */
export default class ReportScreen {
    constructor(report, login, onChange) {
        this.report = report;
        this.login = login;
        this.onChange = onChange;
        this.list = h('ol');
        this.composer = h('textarea', {'aria-label': en.writeSomething, placeholder: en.writeSomething, rows: '3'});
        this.element = h(
            'section',
            {'data-testid': `report-screen-${report.reportID}`},
            h('h2', {}, getDisplayName(report.login)),
            this.list,
            this.composer,
            h('button', {onclick: () => this.send()}, en.send),
        );
        this.draw();
    }

    draw() {
        this.list.replaceChildren(...this.report.actions.map((action, index) => this.item(action, index)));
    }

    item(action, index) {
        const message = h('div', {class: 'message', html: action.html});
        const row = h('li', {'data-testid': `action-${index}`}, h('strong', {class: 'author'}, action.author), message);
        if (action.isEdited) {
            row.append(h('small', {}, en.edited));
        }
        if (action.author === this.login) {
            row.append(h('button', {onclick: () => this.edit(row, action, index)}, en.edit));
        }
        return row;
    }

    async send() {
        if (!this.composer.value.trim()) {
            return;
        }
        const html = getParsedComment(this.composer.value);
        this.composer.value = '';
        this.report.actions.push({author: this.login, html});
        this.changed();
        await request('AddComment', {reportID: this.report.reportID, reportComment: html});
    }

    edit(row, action, index) {
        const box = h('textarea', {'aria-label': en.editBox, rows: '3'});
        box.value = getTextToEdit(action);
        row.replaceChildren(
            box,
            h('button', {onclick: () => this.save(box.value, action, index)}, en.save),
            h('button', {onclick: () => this.draw()}, en.cancel),
        );
        box.focus();
    }

    async save(text, action, index) {
        const edited = applyEdit(action, text);
        this.report.actions[index] = edited;
        this.changed();
        if (edited !== action) {
            await request('UpdateComment', {reportID: this.report.reportID, reportComment: edited.html});
        }
    }

    changed() {
        this.draw();
        this.onChange();
    }
}
