/**
 * What apps say of logging, by the vendor's names. The library says nothing by itself: what goes wrong is an error.
 */

/** @typedef {'Error' | 'Warning' | 'Info' | 'Debug' | 'Verbose'} LogLevel */

const LEVELS = ['Error', 'Warning', 'Info', 'Debug', 'Verbose'];

/** Prints what apps log. */
export class Logger {
  static enabled = true;
  static emojiLogLevelHeadingsEnabled = false;
  /** @type {LogLevel} */
  static minimumLogLevel = 'Info';
  /** @type {((level: LogLevel, message: string) => void) | undefined} */
  static customLogCallback;

  /**
   * @param {((level: LogLevel, message: string) => void) | undefined} callback
   */
  static async setCustomLogCallback(callback) {
    this.customLogCallback = callback;
  }

  /** There is no file of logs. */
  static async setLogFile() {}

  /** There is no file of logs. */
  static async setLogFileURL() {}

  /**
   * @param {LogLevel} level
   * @param {string} message
   */
  static log(level, message) {
    const isWanted = LEVELS.indexOf(level) <= LEVELS.indexOf(this.minimumLogLevel);
    if (this.enabled && isWanted) {
      (this.customLogCallback ?? ((_, text) => console.error(text)))(level, message);
    }
  }

  /**
   * @param {string} message
   */
  static error(message) {
    this.log('Error', message);
  }

  /**
   * @param {string} message
   */
  static warning(message) {
    this.log('Warning', message);
  }

  /**
   * @param {string} message
   */
  static info(message) {
    this.log('Info', message);
  }

  /**
   * @param {string} message
   */
  static debug(message) {
    this.log('Debug', message);
  }

  /**
   * @param {string} message
   */
  static verbose(message) {
    this.log('Verbose', message);
  }
}
