// Original file: proto/user.proto


export interface UserInput {
  'id'?: (string);
  'name'?: (string);
  /**
   * Empty: none.
   */
  'email'?: (string);
}

export interface User {
  'id': (string);
  'name': (string);
  /**
   * Empty: none.
   */
  'email': (string);
}
