;; What every agent of this folder's neighbour `core` is made of: the canonical
;; ABI of `lancet:plugin/solving@0.1.0`, an allocator, and an ordinary answer for
;; tasks whose id does not contain `evil`. For the others it calls `$misbehave`.
(module
  ;;BODY;;
  ;;MEMORY;;
  ;;REALLOC;;
  ;;SEARCH;;

  (func (export "lancet:plugin/solving@0.1.0#solve")
    (param $id i32) (param $id-len i32) (param $kind i32)
    (param $title i32) (param $title-len i32) (param $statement i32) (param $statement-len i32)
    (param $price i64) (param $proposals i32) (param $proposals-len i32)
    (result i32)
    (if (call $is-evil (local.get $id) (local.get $id-len))
      (then
        (call $misbehave)
        (if (global.get $forged) (then (return (global.get $result))))))
    ;; Ok(choice(the first proposal's id)), or ok(nothing).
    (i32.store8 (i32.const 32) (i32.const 0))
    (if (local.get $proposals-len)
      (then
        (i32.store8 (i32.const 36) (i32.const 0))
        (i32.store (i32.const 40) (i32.load (local.get $proposals))))
      (else (i32.store8 (i32.const 36) (i32.const 3))))
    (i32.const 32)))
