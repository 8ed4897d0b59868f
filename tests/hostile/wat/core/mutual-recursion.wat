;; roles: agent
;; Two functions call one another for ever, through a table.
(type $step (func (param i32) (result i32)))
(table funcref (elem $ping $pong))
(func $misbehave (drop (call $ping (i32.const 0))))
(func $ping (type $step)
  (i32.add (i32.const 1) (call_indirect (type $step) (local.get 0) (i32.const 1))))
(func $pong (type $step)
  (i32.add (i32.const 2) (call_indirect (type $step) (local.get 0) (i32.const 0))))
