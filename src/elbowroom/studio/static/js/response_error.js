// The error that a server's response is.

export class ResponseError extends Error {
  /** @param {string} message @param {number} status of the response */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}
