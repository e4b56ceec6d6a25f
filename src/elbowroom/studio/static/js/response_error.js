// The error that a server's response is.

export class ResponseError extends Error {
  /**
   * @param {string} message
   * @param {number} status of the response
   * @param {?string} [field] the field of a form that is wrong, where the server knows it
   */
  constructor(message, status, field = null) {
    super(message);
    this.status = status;
    this.field = field;
  }
}
