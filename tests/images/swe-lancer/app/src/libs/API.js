import CONFIG from '../CONFIG';

const JSON_CODE_SUCCESS = 200;

/** Calls a command of the API. Rejects when it cannot be reached, or answers with another code than success. */
export default async function request(command, parameters = {}) {
    const response = await fetch(`${CONFIG.API_ROOT}${command}`, {
        method: 'POST',
        body: new URLSearchParams(parameters),
        credentials: 'omit',
    });
    const answer = await response.json();
    if (answer.jsonCode !== JSON_CODE_SUCCESS) {
        throw new Error(answer.message ?? command);
    }
    return answer;
}
