;; Calls itself for ever.
(func $misbehave (call $deeper (i32.const 0)))
(func $deeper (param $depth i32)
  (call $deeper (i32.add (local.get $depth) (i32.const 1)))
  ;; Not a tail call.
  (i32.store (i32.const 1024) (local.get $depth)))
